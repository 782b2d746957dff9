# A machine that boots into a member of an etcd cluster. It knows the domain to look in; name,
# address and peers come by DHCP and DNS, as with the units that seeds install.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.services.quorate.node;
  etcd = import ./etcd-unit.nix;
  defaults = removeAttrs etcd.defaults [
    "binary"
    "await"
  ];
  optional =
    name: description:
    lib.mkOption {
      type = lib.types.nullOr (
        if lib.hasSuffix "_ms" name then lib.types.ints.positive else lib.types.str
      );
      default = defaults.${name};
      inherit description;
    };
  typed =
    type: name: description:
    lib.mkOption {
      inherit type description;
      default = defaults.${name};
    };

  # The name is known when the lease is there, long after this is built.
  placeholder = "@name@";
  fqdn = "${placeholder}.${cfg.domain}";
  unit = cfg.settings // {
    binary = lib.getExe' cfg.package "etcd";
    await = lib.getExe config.services.quorate.package;
  };
  quoted =
    word:
    let
      literal = "'" + builtins.replaceStrings [ "'" ] [ "'\\''" ] word + "'";
    in
    builtins.replaceStrings [ placeholder ] [ "'\"$name\"'" ] literal;
  byName =
    script: words:
    pkgs.writeShellScript script ''
      # The kernel's: the DHCP client has set it.
      read -r name </proc/sys/kernel/hostname
      name=''${name%%.*}
      case $name in
        "" | localhost | nixos | *[!A-Za-z0-9-]*)
          echo "no lease has named this machine yet: \"$name\"" >&2
          exit 1
          ;;
        *[!0-9]*) ;;
        *)
          echo "etcd cannot be named $name: it gives such names to peers that it discovers" >&2
          exit 1
          ;;
      esac
      exec ${lib.concatMapStringsSep " " quoted words}
    '';
  start = byName "etcd-by-name" (
    etcd.argv {
      inherit unit fqdn;
      name = placeholder;
    }
  );
  await = byName "etcd-await-peers" (etcd.awaitArgv { inherit unit fqdn; });
in
{
  imports = [ ./server.nix ];

  options.services.quorate.node = {
    enable = lib.mkEnableOption "etcd that finds its peers by DNS";

    package = lib.mkPackageOption pkgs "etcd_3_5" { };

    domain = lib.mkOption {
      type = lib.types.str;
      default = cfg.settings.discovery_srv;
      defaultText = lib.literalExpression "config.services.quorate.node.settings.discovery_srv";
      description = "Where this machine's own name is; the leases' domain.";
    };

    await = lib.mkOption {
      type = lib.types.bool;
      default = true;
      description = ''
        Start etcd only after `quorate await-peers`: when the whole set of records is there, every
        peer resolves, and it is this machine's turn.
      '';
    };

    openFirewall = lib.mkOption {
      type = lib.types.bool;
      default = false;
      description = "Open the client and the peer port.";
    };

    settings = lib.mkOption {
      description = "What `[seed.etcd.unit]` of `quorate.toml` says, with the same names.";
      default = { };
      type = lib.types.submodule {
        options = {
          discovery_srv = lib.mkOption {
            type = lib.types.strMatching "[A-Za-z0-9.-]+";
            example = "closet.example";
            description = "The domain under which the SRV records of the peers stand.";
          };
          discovery_srv_name = optional "discovery_srv_name" "Looks up `_etcd-server-NAME._tcp`.";
          token = typed lib.types.str "token" "Two clusters of one domain need two tokens.";
          peer_scheme = typed (lib.types.enum [
            "http"
            "https"
          ]) "peer_scheme" "How members talk to each other; https makes its own certificates.";
          client_port = typed lib.types.port "client_port" "Where clients are served.";
          peer_port = typed lib.types.port "peer_port" "Where peers are served.";
          data_dir = lib.mkOption {
            type = lib.types.str;
            default = defaults.data_dir;
            readOnly = true;
            description = "The unit's state directory.";
          };
          heartbeat_ms = optional "heartbeat_ms" "etcd's own default when null.";
          election_ms = optional "election_ms" "etcd's own default when null.";
          extra_args = typed (lib.types.listOf lib.types.str) "extra_args" "Appended to the command line.";
          restart_ms = typed lib.types.ints.positive "restart_ms" ''
            The pause before etcd is started again. It looks its peers up once and exits when
            that fails, so this is the period at which it asks.
          '';
        };
      };
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = [
      {
        assertion = !config.services.etcd.enable;
        message = "services.quorate.node runs etcd.service itself: switch services.etcd off";
      }
      {
        assertion = config.networking.hostName == "" || config.networking.hostName == "nixos";
        message = "services.quorate.node takes the name that the lease gives: leave networking.hostName empty";
      }
    ];

    # A lease names only a machine that has no name.
    networking.hostName = lib.mkDefault "";
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [
      cfg.settings.client_port
      cfg.settings.peer_port
    ];

    systemd.services.etcd = {
      description = "etcd key-value store";
      documentation = [ "https://etcd.io/docs/" ];
      wants = [ "network-online.target" ];
      after = [ "network-online.target" ];
      wantedBy = [ "multi-user.target" ];
      startLimitIntervalSec = 0;
      serviceConfig =
        import ./etcd-hardening.nix
        // {
          ExecStart = start;
          RestartSec = "${toString cfg.settings.restart_ms}ms";
        }
        // lib.optionalAttrs cfg.await {
          # Never worse than not having it; and it may wait for the slowest machine of the rack.
          ExecStartPre = "-${await}";
          EnvironmentFile = "-${etcd.environmentFile}";
          TimeoutStartSec = "infinity";
        };
    };
    environment.systemPackages = [ cfg.package ];
  };
}
