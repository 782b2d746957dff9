# `quorate serve`: one unit, one configuration, for the services that other modules switch on.
{
  config,
  lib,
  pkgs,
  utils,
  ...
}:
let
  cfg = config.services.quorate;
  format = pkgs.formats.json { };
  sections = lib.filterAttrs (_: value: value != null) cfg.settings;
  written = format.generate "quorate.json" sections;
  # Wrong settings fail the build, not the boot.
  checked = pkgs.runCommand "quorate.json" { } ''
    ${lib.getExe cfg.package} serve --check --elsewhere --config ${written}
    cp ${written} $out
  '';
  serves = lib.any (section: sections ? ${section}) [
    "dhcp"
    "dns"
    "ddns"
    "seed"
  ];
in
{
  options.services.quorate = {
    package = lib.mkOption {
      type = lib.types.package;
      defaultText = lib.literalExpression "quorate.packages.\${system}.quorate";
      description = "The quorate that serves.";
    };

    settings = lib.mkOption {
      type = lib.types.submodule {
        freeformType = format.type;
        options.state_dir = lib.mkOption {
          type = lib.types.str;
          default = "/var/lib/quorate";
          readOnly = true;
          description = "Leases, zones and a key; the unit's state directory.";
        };
      };
      default = { };
      description = ''
        The whole configuration of `quorate serve`. Sections come from the options of each
        service; more can be given here. It is in the store, which everybody reads: no secrets.
      '';
    };

    checkConfig = lib.mkOption {
      type = lib.types.bool;
      default = pkgs.stdenv.buildPlatform.canExecute pkgs.stdenv.hostPlatform;
      defaultText = lib.literalMD "where the program can run while the system is built";
      description = "Let `quorate serve --check --elsewhere` read the configuration when the system is built.";
    };

    configFile = lib.mkOption {
      type = lib.types.path;
      readOnly = true;
      description = "The configuration as the daemon reads it.";
    };

    credentials = lib.mkOption {
      type = lib.types.attrsOf lib.types.path;
      default = { };
      example = {
        "xfr.key" = "/run/secrets/xfr.key";
      };
      description = ''
        Key files, by name. Settings name them as
        `/run/credentials/quorate.service/NAME`.
      '';
    };
  };

  config = {
    services.quorate.configFile = if cfg.checkConfig then checked else written;

    systemd.services.quorate = lib.mkIf serves {
      description = "DHCP, DNS and seeds for machines that become a cluster";
      documentation = [ "man:quorate-serve(1)" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      wantedBy = [ "multi-user.target" ];
      restartTriggers = [ cfg.configFile ];
      # A disk that is full for an hour, an address that is not there yet: it comes back by itself.
      startLimitIntervalSec = 0;
      serviceConfig = import ./hardening.nix // {
        ExecStart = utils.escapeSystemdExecArgs [
          (lib.getExe cfg.package)
          "serve"
          "--config"
          cfg.configFile
        ];
        LoadCredential = lib.mapAttrsToList (name: path: "${name}:${toString path}") cfg.credentials;
      };
    };

    environment.systemPackages = lib.mkIf serves [ cfg.package ];
  };
}
