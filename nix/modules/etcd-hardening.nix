# How etcd is run on a node: no capability. Type=exec, although etcd can notify: it does so once it
# belongs to a quorum, and must not be killed while it waits for its peers.
import ./confined.nix
// {
  Type = "exec";
  Restart = "always";
  LimitNOFILE = 65536;

  StateDirectory = "etcd";

  CapabilityBoundingSet = "";
  # Netlink: the Go runtime looks its interfaces up.
  RestrictAddressFamilies = [
    "AF_INET"
    "AF_INET6"
    "AF_NETLINK"
    "AF_UNIX"
  ];
  SystemCallFilter = [
    "@system-service"
    "~@privileged"
  ];

  PrivateUsers = true;
}
