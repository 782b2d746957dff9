# Lease, name, SRV, etcd, quorum; then a crash and a cable.
{ quorate, lib, ... }:
import ../test-cluster.nix {
  inherit quorate lib;
  scheme = "http";
}
// {
  name = "quorate-cluster";
}
