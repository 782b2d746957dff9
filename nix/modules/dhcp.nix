# Leases; and what follows from them: names in a DNS server, and seeds.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.quorate;
  format = pkgs.formats.json { };
  section =
    options:
    lib.mkOption {
      type = lib.types.submodule {
        freeformType = format.type;
        inherit options;
      };
      default = { };
      description = "This section of `quorate.toml`, with its names.";
    };
  required =
    type: description:
    lib.mkOption {
      inherit type description;
    };
  port = addr: lib.toInt (lib.last (lib.splitString ":" addr));
in
{
  imports = [ ./server.nix ];

  options.services.quorate = {
    dhcp = {
      enable = lib.mkEnableOption "the DHCPv4 server";
      openFirewall = lib.mkOption {
        type = lib.types.bool;
        default = false;
        description = "Open UDP port 67 on the interface that is served.";
      };
      settings = section {
        interface = required lib.types.str "The interface to serve.";
        server_id = required lib.types.str "The server's own address on that interface.";
        subnets = required (lib.types.listOf format.type) "What addresses there are to lease.";
      };
    };

    ddns = {
      enable = lib.mkEnableOption "the registrar: a name for each lease, SRV records for each cluster";
      settings = section {
        server = required lib.types.str "Address and port of the DNS server that gets the UPDATEs.";
        forward_zone = required lib.types.str "The zone of the names.";
      };
    };

    seed = {
      enable = lib.mkEnableOption "the NoCloud seed server";
      openFirewall = lib.mkOption {
        type = lib.types.bool;
        default = false;
        description = "Open its TCP port.";
      };
      settings = section {
        listen = required lib.types.str "Address and port.";
      };
    };
  };

  config = {
    services.quorate.settings = {
      dhcp = lib.mkIf cfg.dhcp.enable cfg.dhcp.settings;
      ddns = lib.mkIf cfg.ddns.enable cfg.ddns.settings;
      seed = lib.mkIf cfg.seed.enable cfg.seed.settings;
    };

    networking.firewall = lib.mkMerge [
      (lib.mkIf (cfg.dhcp.enable && cfg.dhcp.openFirewall) {
        interfaces.${cfg.dhcp.settings.interface}.allowedUDPPorts = [ 67 ];
      })
      (lib.mkIf (cfg.seed.enable && cfg.seed.openFirewall) {
        allowedTCPPorts = [ (port cfg.seed.settings.listen) ];
      })
    ];

    assertions = [
      {
        assertion = cfg.ddns.enable -> cfg.dhcp.enable;
        message = "services.quorate.ddns publishes leases: it needs services.quorate.dhcp";
      }
      {
        assertion = cfg.seed.enable -> cfg.dhcp.enable;
        message = "services.quorate.seed knows machines by their leases: it needs services.quorate.dhcp";
      }
    ];
  };
}
