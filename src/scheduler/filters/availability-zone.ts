import { type Filter, has, verb } from './filter.ts'

/** The host is in the zone asked for. A request without one passes everywhere. */
export const availabilityZoneFilter: Filter = {
  name: 'AvailabilityZoneFilter',
  asks: ({ availability_zone: zone }) =>
    zone === null
      ? []
      : [has(`availability_zone=${zone}`, (r) => `${verb(r, 'is', 'are')} not in availability zone ${zone}`)],
}
