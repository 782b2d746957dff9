# How `quorate serve` is run: packaging/quorate.service as data. A test compares the two.
import ./confined.nix
// {
  Type = "notify";
  Restart = "on-failure";
  RestartSec = "1s";
  RestartPreventExitStatus = 2;

  StateDirectory = "quorate";

  AmbientCapabilities = [
    "CAP_NET_BIND_SERVICE"
    "CAP_NET_RAW"
  ];
  CapabilityBoundingSet = [
    "CAP_NET_BIND_SERVICE"
    "CAP_NET_RAW"
  ];
  RestrictAddressFamilies = [
    "AF_INET"
    "AF_INET6"
    "AF_NETLINK"
    "AF_PACKET"
    "AF_UNIX"
  ];
  SystemCallFilter = [
    "@system-service"
    "~@privileged @resources"
  ];

  ProcSubset = "pid";
}
