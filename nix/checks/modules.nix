# What the modules make of options, asserted on real NixOS configurations.
{
  self,
  nixpkgs,
  pkgs,
}:
let
  inherit (nixpkgs) lib;
  system = pkgs.stdenv.hostPlatform.system;
  evaluate =
    modules:
    (nixpkgs.lib.nixosSystem {
      modules = modules ++ [
        {
          nixpkgs.hostPlatform = system;
          boot.isContainer = true;
          system.stateVersion = "26.05";
        }
      ];
    }).config;
  failed = config: map (it: it.message) (lib.filter (it: !it.assertion) config.assertions);

  appliance = self.nixosConfigurations."appliance-${system}".config;
  node = self.nixosConfigurations."node-${system}".config;
  unit = appliance.systemd.services.quorate.serviceConfig;

  nothing = evaluate [ self.nixosModules.default ];
  both = evaluate [
    self.nixosModules.dhcp
    self.nixosModules.dns
    {
      services.quorate.dns = {
        enable = true;
        settings.listen = [
          "192.0.2.1:53"
          "192.0.2.2:5353"
        ];
      };
      services.quorate.credentials."xfr.key" = "/run/secrets/xfr.key";
    }
  ];
  lonely = evaluate [
    self.nixosModules.dhcp
    {
      services.quorate.ddns = {
        enable = true;
        settings = {
          server = "192.0.2.1:53";
          forward_zone = "lab.test";
        };
      };
    }
  ];
  twice = evaluate [
    self.nixosModules.node
    {
      services.etcd.enable = true;
      services.quorate.node = {
        enable = true;
        settings.discovery_srv = "lab.test";
      };
      networking.hostName = "fixed";
    }
  ];
  incomplete = evaluate [
    self.nixosModules.dhcp
    { services.quorate.dhcp.enable = true; }
  ];

  facts = {
    "the appliance fails no assertion" = failed appliance == [ ];
    "the node fails no assertion" = failed node == [ ];
    "the server's unit is packaging/quorate.service" =
      builtins.removeAttrs unit [
        "ExecStart"
        "LoadCredential"
      ] == import ../modules/hardening.nix;
    "settings arrive in the file's words" =
      appliance.services.quorate.settings.ddns.forward_zone == "closet.example"
      && appliance.services.quorate.settings.state_dir == "/var/lib/quorate";
    "the appliance's doors are open" =
      appliance.networking.firewall.interfaces.eth0.allowedUDPPorts == [ 67 ]
      && lib.elem 53 appliance.networking.firewall.allowedUDPPorts
      && lib.elem 53 appliance.networking.firewall.allowedTCPPorts
      && lib.elem 80 appliance.networking.firewall.allowedTCPPorts;
    "a node has no name of its own" = node.networking.hostName == "";
    "a node's doors are open" =
      lib.elem 2379 node.networking.firewall.allowedTCPPorts
      && lib.elem 2380 node.networking.firewall.allowedTCPPorts;
    "a node's etcd is never given up" =
      node.systemd.services.etcd.startLimitIntervalSec == 0
      && node.systemd.services.etcd.serviceConfig.Restart == "always"
      && node.systemd.services.etcd.serviceConfig.RestartSec == "100ms";
    "a node waits for its peers, and never worse than not" =
      lib.hasPrefix "-/nix/store/" node.systemd.services.etcd.serviceConfig.ExecStartPre
      && node.systemd.services.etcd.serviceConfig.TimeoutStartSec == "infinity";
    "nothing runs unless it is switched on" =
      !(nothing.systemd.services ? quorate) && !(nothing.systemd.services ? etcd);
    "doors are closed unless they are opened" =
      !(lib.elem 53 both.networking.firewall.allowedUDPPorts)
      && !(lib.elem 53 both.networking.firewall.allowedTCPPorts);
    "two modules make one unit" = failed both == [ ] && both.systemd.services ? quorate;
    "secrets are credentials" =
      both.systemd.services.quorate.serviceConfig.LoadCredential == [ "xfr.key:/run/secrets/xfr.key" ];
    "sections that are off are not written" = !(both.services.quorate.settings ? dhcp);
    "names need leases" = lib.any (lib.hasInfix "it needs services.quorate.dhcp") (failed lonely);
    "one etcd.service" = lib.any (lib.hasInfix "switch services.etcd off") (failed twice);
    "a fixed name is refused" = lib.any (lib.hasInfix "leave networking.hostName empty") (failed twice);
    "an interface must be named" =
      !(builtins.tryEval incomplete.services.quorate.settings.dhcp.interface).success;
  };
  wrong = builtins.attrNames (lib.filterAttrs (_: holds: !holds) facts);
in
if wrong == [ ] then
  pkgs.runCommand "quorate-modules" { } "touch $out"
else
  throw "the modules: not so: ${lib.concatStringsSep "; " wrong}"
