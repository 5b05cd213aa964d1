import { atMost, type Filter, verb } from './filter.ts'

/** Fewer servers than `max_io_ops_per_host` are being built, rebuilt, resized or copied on the host. */
export const ioOpsFilter: Filter = {
  name: 'IoOpsFilter',
  asks: (_request, { max_io_ops_per_host: limit }) => [
    atMost(
      'num_io_ops',
      limit - 1,
      (r) => `${verb(r, 'is', 'are')} busy with ${limit} or more other servers (the least with ${r.best})`,
    ),
  ],
}
