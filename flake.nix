{
  description = "From power-on to quorum: DHCP, DNS and seeds for machines that become an etcd cluster";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-26.05";

  # Names are known without nixpkgs; tests/tests/nix compares them with nix/outputs.json.
  outputs =
    { self, nixpkgs }:
    let
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      named =
        names: make:
        builtins.listToAttrs (
          map (name: {
            inherit name;
            value = make name;
          }) names
        );
      each = named systems;
      pkgs = each (system: nixpkgs.legacyPackages.${system}.extend self.overlays.default);

      # The files of a directory that end so, without the ending.
      stems =
        ending: dir:
        builtins.concatMap (
          file:
          let
            stem = builtins.match "(.*)\\.${ending}" file;
          in
          if stem == null then [ ] else stem
        ) (builtins.attrNames (builtins.readDir dir));

      # The modules need the program. A key, since two of them may be imported.
      package =
        { lib, pkgs, ... }:
        {
          key = "quorate#package";
          services.quorate.package = lib.mkDefault self.packages.${pkgs.stdenv.hostPlatform.system}.quorate;
        };
      withPackage = module: {
        imports = [
          module
          package
        ];
      };

      machine =
        system: module:
        nixpkgs.lib.nixosSystem {
          modules = [
            self.nixosModules.default
            module
            { nixpkgs.hostPlatform = system; }
          ];
        };
      built = name: self.nixosConfigurations.${name}.config.system.build;

      test =
        system: file: arguments:
        pkgs.${system}.testers.runNixOSTest {
          imports = [ file ];
          _module.args = {
            quorate = self;
          }
          // arguments;
        };
    in
    {
      packages = each (system: {
        inherit (pkgs.${system}) quorate;
        default = pkgs.${system}.quorate;
        vm-image = (built "appliance-${system}").image;
        node-image = (built "node-${system}").image;
        netboot = pkgs.${system}.callPackage ./nix/netboot.nix { inherit self nixpkgs; };
        oci-image = pkgs.${system}.callPackage ./nix/oci-image.nix { };
      });

      overlays.default = final: _: { quorate = final.callPackage ./nix/package.nix { }; };

      nixosModules = {
        dhcp = withPackage ./nix/modules/dhcp.nix;
        dns = withPackage ./nix/modules/dns.nix;
        node = withPackage ./nix/modules/node.nix;
        default = withPackage ./nix/modules/default.nix;
      };

      nixosConfigurations = builtins.listToAttrs (
        builtins.concatMap (system: [
          {
            name = "appliance-${system}";
            value = machine system ./nix/appliance.nix;
          }
          {
            name = "node-${system}";
            value = machine system ./nix/node.nix;
          }
        ]) systems
      );

      apps = each (system: {
        default = {
          type = "app";
          program = "${self.packages.${system}.quorate}/bin/quorate";
          meta.description = "The command line: run scenarios, serve";
        };
      });

      checks = each (
        system:
        {
          inherit (self.packages.${system}) quorate;
          modules = import ./nix/checks/modules.nix {
            inherit self nixpkgs;
            pkgs = pkgs.${system};
          };
          bad-configuration = import ./nix/checks/bad-configuration.nix {
            inherit self nixpkgs;
            pkgs = pkgs.${system};
          };
        }
        // named (stems "nix" ./nix/tests) (name: test system ./nix/tests/${name}.nix { })
      );

      # One NixOS test a scenario file: the whole harness in one machine.
      legacyPackages = each (system: {
        scenarios = named (stems "toml" ./scenarios) (
          name: test system ./nix/scenario.nix { scenario = ./scenarios/${name}.toml; }
        );
      });

      devShells = each (system: {
        default = pkgs.${system}.callPackage ./nix/shell.nix { };
      });

      formatter = each (system: pkgs.${system}.nixfmt-tree);
    };
}
