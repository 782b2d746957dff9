# What systemd says of the units as they run, and doors that are open or not.
{ quorate, lib, ... }:
let
  lab = import ../test-lab.nix { inherit quorate lib; };
in
{
  name = "quorate-hardening";
  nodes = {
    server = lab.server;
    closed = {
      imports = [ lab.server ];
      networking.interfaces.eth1.ipv4.addresses = lib.mkOverride 40 [
        {
          address = "10.20.0.4";
          prefixLength = 24;
        }
      ];
      services.quorate = {
        dhcp.enable = lib.mkForce false;
        ddns.enable = lib.mkForce false;
        dns.openFirewall = lib.mkForce false;
        dns.settings.listen = lib.mkForce [ "10.20.0.4:53" ];
      };
    };
  };
  testScript = builtins.readFile ./hardening.py;
}
