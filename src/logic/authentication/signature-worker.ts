/** Runs in a thread of the pool: checks one batch of Ed25519 signatures. */
import { createPublicKey, type KeyObject, verify } from 'node:crypto';

/** Plain strings, because they cross threads cheapest. */
export interface SignatureBatch {
  /** Public keys as PEM; `keyIndexes` point into it. */
  readonly publicPems: readonly string[];
  readonly keyIndexes: readonly number[];
  readonly signedTexts: readonly string[];
  readonly signatures: readonly Uint8Array[];
}

export default function verifyBatch(batch: SignatureBatch): boolean[] {
  const batchKeys = batch.publicPems.map((pem) => createPublicKey(pem));
  return batch.signedTexts.map((text, index) => {
    const key = batchKeys[batch.keyIndexes[index] as number] as KeyObject;
    return verify(null, Buffer.from(text, 'latin1'), key, batch.signatures[index] as Uint8Array);
  });
}
