/** Answers that differ from their sample, by its name, or its name and version. */
export const deviations: Readonly<Record<string, { readonly reason: string; readonly differs: RegExp }>> = {
  'servers/server-get-resp at 2.69': { reason: 'of a cell that is down', differs: /./ },
  'servers/servers-list-resp at 2.69': { reason: 'of a cell that is down', differs: /./ },
  'servers/servers-details-resp at 2.69': { reason: 'of a cell that is down', differs: /./ },
  'os-services/services-list-get-resp at 2.69': { reason: 'of a cell that is down', differs: /./ },
  'servers/server-get-resp at 2.71': { reason: 'no server is in a group', differs: /server_groups: empty/ },
  'servers/server-action-rebuild at 2.71': { reason: 'no server is in a group', differs: /server_groups: empty/ },
  'servers/server-update-req at 2.71': { reason: 'no server is in a group', differs: /server_groups: empty/ },
  'servers/server-create-req at 2.32': { reason: 'boots from a volume', differs: /no volume service/ },
  'servers/server-create-req at 2.42': { reason: 'boots from a volume', differs: /no volume service/ },
  'servers/server-create-req at 2.67': { reason: 'boots from a volume', differs: /no volume service/ },
  'servers/server-create-req at 2.71': { reason: 'asks for a group that is not there', differs: /Instance group/ },
  'servers/server-create-req at 2.90': { reason: 'has files, which went with 2.57', differs: /accessIPv4/ },
  'servers/server-create-req at 2.94': { reason: 'has files, which went with 2.57', differs: /accessIPv4/ },
  'os-keypairs/keypairs-post-req at 2.92': { reason: 'lacks the key that 2.92 demands', differs: /public_key/ },
  'os-volume_attachments/list-volume-attachments-resp': { reason: 'no volume service', differs: /empty/ },
  'os-volumes/os-volumes-index-resp': { reason: 'no volume service', differs: /empty/ },
  'os-volumes/os-volumes-detail-resp': { reason: 'no volume service', differs: /empty/ },
  'os-volumes/os-volumes-post-req': { reason: 'no volume service', differs: /no volume service/ },
  'os-snapshots/snapshots-list-resp': { reason: 'no volume service', differs: /empty/ },
  'os-snapshots/snapshots-detail-resp': { reason: 'no volume service', differs: /empty/ },
  'os-snapshots/snapshot-create-req': { reason: 'no volume service', differs: /no volume service/ },
  'os-server-shares/server-shares-list-resp': { reason: 'no service for shared file systems', differs: /empty/ },
  'os-server-topology/servers-topology-resp': { reason: 'guests have no NUMA nodes', differs: /nodes: empty/ },
  'os-server-topology/servers-topology-resp-user': { reason: 'guests have no NUMA nodes', differs: /nodes: empty/ },
  'servers/server-update-req at 2.104': { reason: 'of a server without hints', differs: /same_host: surplus/ },
  'flavor-access/flavor-access-add-tenant-req': { reason: 'names a project of the writer', differs: /fake_tenant/ },
  'os-security-groups/security-group-rules-post-req': { reason: 'names a group of the writer', differs: /d6f86d8c/ },
  'os-server-diagnostics/server-diagnostics-get-resp at 2.1': {
    reason: 'keys are the devices of the guest',
    differs: /(vnet1|tap0|memory-)/,
  },
  'os-hosts/host-put-maintenance-req': { reason: 'hypervisors here have no maintenance mode', differs: /^501/ },
  'os-hosts/host-get-reboot': { reason: 'hypervisors here do not switch their machine', differs: /^501/ },
  'os-hosts/host-get-shutdown': { reason: 'hypervisors here do not switch their machine', differs: /^501/ },
  'os-hosts/host-get-startup': { reason: 'hypervisors here do not switch their machine', differs: /^501/ },
}

/** Lists that are empty here whatever the resource. */
export const EMPTY_HERE = /volumes_attached: empty$/

/** Samples that are not spoken: the reason, and their names. */
export const unspoken: readonly (readonly [reason: string, names: RegExp])[] = [
  [
    'the API is gone: it answers 410',
    /^(consoles|os-agents|os-cells|os-certificates|os-cloudpipe|os-fixed-ips|os-floating-ip-dns|os-floating-ips-bulk|os-fping|os-networks-associate|os-security-group-default-rules|os-virtual-interfaces)\/|network-(add|create)|networks-post|reset-network$/,
  ],
  ['of the endpoint itself, whose documents stand in `version.test.ts`', /^versions\//],
  ['of a cell that is down: `unreachable.test.ts`', /down-cell/],
  ['there are no volumes, shares, bare metal nodes', /^(os-assisted-volume|os-baremetal|os-volume|os-snapshots|os-server-shares)/],
  ['consoles are not written yet', /^(os-remote-consoles|os-console-auth-tokens)\//],
  ['names a host, a group, a project or an address of the writer', /aggregates?-(add|remove)-host|flavor-access-remove|unshelve-(az|host|unpin)|evacuate-(req|resp)|migrate-server$/],
  ['one entry more than the list of 2.1, of an extension that was only in v2', /v21-compatible/],
  ['needs a live migration that goes on on its hosts', /^server-migrations\/(force_complete|live-migrate)/],
  ['needs a server that was resized', /-(confirm|revert)-resize$/],
  ['names an event that is none', /event-create/],
  ['needs addresses and ports of the network service', /multinic|floatingip-req|os-floating-ips\/|attach-interfaces-create/],
]
