/**
 * Decompressors by the name of the codec in a Parquet footer.
 *
 * Called by the decoding thread. What Node has in native code is taken from there; the others are
 * loaded when a file needs one, since loading them costs more than decoding a small file.
 */
import * as zlib from 'node:zlib'
import type { Decompress } from './parquet-flat.ts'

// Newer versions of Node bring zstd, several times faster than the one in JavaScript.
const nativeZstd = (zlib as unknown as { zstdDecompressSync?: (input: Uint8Array) => Uint8Array }).zstdDecompressSync

/** Undefined: no such codec is known. */
export async function decompressorOf(codec: string): Promise<Decompress | undefined> {
  switch (codec) {
    case 'UNCOMPRESSED': return (input) => input
    case 'GZIP': return (input) => zlib.gunzipSync(input)
    case 'BROTLI': return (input) => zlib.brotliDecompressSync(input)
    case 'ZSTD':
      if (nativeZstd !== undefined) return (input) => nativeZstd(input)
      break
  }
  const { compressors } = await import('hyparquet-compressors')
  return (compressors as Record<string, Decompress | undefined>)[codec]
}
