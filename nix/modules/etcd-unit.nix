# What a seed's `[seed.etcd.unit]` says, with the same names and defaults, and the command line
# lines that it means. A test compares them with what the seed server renders.
let
  given =
    flag: value:
    if value == null then
      [ ]
    else
      [
        flag
        (toString value)
      ];
in
rec {
  defaults = {
    binary = "/usr/bin/etcd";
    discovery_srv = "";
    discovery_srv_name = null;
    token = "etcd-cluster";
    peer_scheme = "http";
    client_port = 2379;
    peer_port = 2380;
    data_dir = "/var/lib/etcd";
    heartbeat_ms = null;
    election_ms = null;
    extra_args = [ ];
    restart_ms = 100;
    await = null;
  };

  # What that leaves for etcd's environment; see docs/decisions/0013.
  environmentFile = "/run/etcd.env";

  # What runs before etcd, where `unit.await` is quorate: the wait for its peers.
  awaitArgv =
    { unit, fqdn }:
    [
      unit.await
      "await-peers"
      "--discovery-srv"
      unit.discovery_srv
    ]
    ++ given "--discovery-srv-name" unit.discovery_srv_name
    ++ [
      "--initial-advertise-peer-urls"
      "${unit.peer_scheme}://${fqdn}:${toString unit.peer_port}"
      "--data-dir"
      unit.data_dir
      "--environment-file"
      environmentFile
    ];

  # The program and its arguments on a machine of this name.
  argv =
    {
      unit,
      name,
      fqdn,
    }:
    let
      port = toString unit.peer_port;
      client = toString unit.client_port;
    in
    [
      unit.binary
      "--name"
      name
      "--discovery-srv"
      unit.discovery_srv
    ]
    ++ given "--discovery-srv-name" unit.discovery_srv_name
    ++ [
      "--initial-advertise-peer-urls"
      "${unit.peer_scheme}://${fqdn}:${port}"
      "--initial-cluster-token"
      unit.token
      "--initial-cluster-state"
      "new"
      "--advertise-client-urls"
      "http://${fqdn}:${client}"
      "--listen-client-urls"
      "http://0.0.0.0:${client}"
      "--listen-peer-urls"
      "${unit.peer_scheme}://0.0.0.0:${port}"
      "--data-dir"
      unit.data_dir
    ]
    ++ given "--heartbeat-interval" unit.heartbeat_ms
    ++ given "--election-timeout" unit.election_ms
    ++ (if unit.peer_scheme == "https" then [ "--peer-auto-tls" ] else [ ])
    ++ unit.extra_args;
}
