# Zones that can be updated.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.quorate.dns;
  format = pkgs.formats.json { };
  ports = lib.unique (
    map (addr: lib.toInt (lib.last (lib.splitString ":" addr))) cfg.settings.listen
  );
in
{
  imports = [ ./server.nix ];

  options.services.quorate.dns = {
    enable = lib.mkEnableOption "the authoritative DNS server with UPDATE";
    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Open its ports, for UDP and TCP.";
    };
    settings = lib.mkOption {
      type = lib.types.submodule {
        freeformType = format.type;
        options = {
          listen = lib.mkOption {
            type = lib.types.listOf lib.types.str;
            description = "Addresses with ports.";
          };
          zones = lib.mkOption {
            type = lib.types.listOf format.type;
            default = [ ];
            description = "The zones that it is primary for.";
          };
        };
      };
      default = { };
      description = "The section `[dns]` of `quorate.toml`, with its names.";
    };
  };

  config = lib.mkIf cfg.enable {
    services.quorate.settings.dns = cfg.settings;
    networking.firewall = lib.mkIf cfg.openFirewall {
      allowedUDPPorts = ports;
      allowedTCPPorts = ports;
    };
  };
}
