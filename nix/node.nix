# A machine of README.md's closet that boots from a disk with this image: it leases a name and is
# a member.
{ lib, modulesPath, ... }:
{
  imports = [
    (modulesPath + "/virtualisation/disk-image.nix")
    ./node-base.nix
  ];
  # The machine's disk is larger than the image.
  boot.growPartition = lib.mkDefault true;
}
