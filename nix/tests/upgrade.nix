# The machine is switched to another configuration, and powered off and on: leases and names stay.
{ quorate, lib, ... }:
let
  lab = import ../test-lab.nix { inherit quorate lib; };
in
{
  name = "quorate-upgrade";
  nodes = {
    server = {
      imports = [ lab.server ];
      specialisation.next.configuration.services.quorate.ddns.settings.ttl_secs = 7;
    };
    client.imports = [
      lab.client
      lab.networkd
    ];
  };
  testScript = builtins.readFile ./upgrade.py;
}
