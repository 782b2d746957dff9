# The names of all outputs, without nixpkgs: what touches it while names are asked for, fails.
let
  flake = import ../../flake.nix;
  nixpkgs = builtins.listToAttrs (
    map
      (name: {
        inherit name;
        value = throw "nixpkgs.${name} is needed to know the names of the outputs";
      })
      [
        "htmlDocs"
        "legacyPackages"
        "lib"
        "nixosModules"
        "outPath"
      ]
  );
  self = flake.outputs { inherit self nixpkgs; };
  names = builtins.attrNames;
in
builtins.mapAttrs (
  output: value:
  # By system, except these.
  if
    builtins.elem output [
      "formatter"
      "nixosConfigurations"
      "nixosModules"
      "overlays"
    ]
  then
    names value
  else
    builtins.mapAttrs (
      _: ofSystem:
      if output == "legacyPackages" then builtins.mapAttrs (_: names) ofSystem else names ofSystem
    ) value
) self
