# The same with TLS between the peers, found by the -ssl records.
{ quorate, lib, ... }:
import ../test-cluster.nix {
  inherit quorate lib;
  scheme = "https";
}
// {
  name = "quorate-cluster-tls";
}
