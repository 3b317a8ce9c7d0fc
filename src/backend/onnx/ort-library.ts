import * as fs from "node:fs";
import { createRequire } from "node:module";
import * as path from "node:path";
import { LimbeckError } from "../../base/errors.ts";

const npmPackage = "onnxruntime-node";

/** Name of ONNX Runtime's shared library on a platform; a digit in it may be any version. */
const libraryNames: Partial<Record<NodeJS.Platform, RegExp>> = {
  linux: /^libonnxruntime\.so(\.[\d.]+)?$/,
  darwin: /^libonnxruntime\.[\d.]*dylib$/,
  win32: /^onnxruntime\.dll$/,
};

function packageFolder(): string {
  try {
    return path.dirname(path.dirname(createRequire(import.meta.url).resolve(npmPackage)));
  } catch (cause) {
    throw new LimbeckError("missing_dependency", `ONNX Runtime: the package ${npmPackage} is not installed`, {
      cure: `Run: npm install ${npmPackage}`,
      fields: { package: npmPackage },
      cause,
    });
  }
}

/** Folders of the package that may hold the library: bin/napi-v6/<platform>/<architecture>. */
function libraryFolders(root: string, platform: string, architecture: string): string[] {
  const bin = path.join(root, "bin");
  if (!fs.existsSync(bin)) return [];
  return fs
    .readdirSync(bin)
    .sort()
    .map((version) => path.join(bin, version, platform, architecture))
    .filter((folder) => fs.existsSync(folder));
}

/**
 * Path of the shared library that `onnxruntime-node` ships. Errors: `missing_dependency` (no package),
 * `backend_unavailable` (nothing for this platform inside).
 */
export function findOrtLibrary(
  platform: NodeJS.Platform = process.platform,
  architecture: string = process.arch,
  root: string = packageFolder(),
): string {
  const name = libraryNames[platform];
  for (const folder of libraryFolders(root, platform, architecture)) {
    const file = fs
      .readdirSync(folder)
      .sort()
      .find((entry) => name?.test(entry));
    if (file) return path.join(folder, file);
  }
  throw new LimbeckError(
    "backend_unavailable",
    `ONNX Runtime: expected a library for ${platform} ${architecture} in the package ${npmPackage}, got none`,
    {
      cure: `Use one of the platforms that ${npmPackage} is built for, or the reference backend.`,
      fields: { package: npmPackage, platform, architecture },
    },
  );
}
