# The node without a disk: kernel, initial ramdisk and the iPXE script that boots them, as one
# directory for an HTTP server.
{
  self,
  nixpkgs,
  stdenv,
  symlinkJoin,
}:
let
  system = nixpkgs.lib.nixosSystem {
    modules = [
      (nixpkgs + "/nixos/modules/installer/netboot/netboot.nix")
      self.nixosModules.node
      ./node-base.nix
      {
        nixpkgs.hostPlatform = stdenv.hostPlatform.system;
        boot.zfs.forceImportRoot = false;
      }
    ];
  };
  inherit (system.config.system) build;
in
symlinkJoin {
  name = "quorate-netboot";
  paths = [
    build.kernel
    build.netbootRamdisk
    build.netbootIpxeScript
  ];
  passthru = { inherit (system) config; };
}
