/**
 * Collects Ed25519 checks (≈ 100 µs of CPU each) into batches for the pool.
 *
 *   check, check, check … ──2 ms, or 64 of them──► one task of the pool       the event loop stays free
 *                          └─ 3 or fewer ────────► checked here               a round trip costs as much as a check
 */
import { verify } from 'node:crypto';
import type { Clock, TimerHandle } from '../../clock/clock.ts';
import type { VerificationKey } from './app-keys.ts';
import type { SignaturePool } from './signature-pool.ts';

export const BATCH_MAX = 64;
/** Batches up to this size are checked in the process. */
export const IN_PROCESS_MAX = 3;
const COLLECT_MS = 2;

interface Check {
  readonly key: VerificationKey;
  readonly signedText: string;
  readonly signature: Buffer;
  readonly resolve: (genuine: boolean) => void;
  readonly reject: (error: unknown) => void;
}

export class SignatureBatcher {
  readonly #clock: Clock;
  readonly #pool: SignaturePool;
  #checks: Check[] = [];
  #timer: TimerHandle | undefined;

  constructor(clock: Clock, pool: SignaturePool) {
    this.#clock = clock;
    this.#pool = pool;
  }

  check(key: VerificationKey, signedText: string, signature: Buffer): Promise<boolean> {
    return new Promise((resolve, reject) => {
      this.#checks.push({ key, signedText, signature, resolve, reject });
      if (this.#checks.length >= BATCH_MAX) this.#flush();
      else this.#timer ??= this.#clock.setTimer(this.#flushDue, COLLECT_MS);
    });
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#pool.close();
  }

  readonly #flushDue = (): void => {
    this.#timer = undefined;
    this.#flush();
  };

  #flush(): void {
    if (this.#timer !== undefined) this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    const checks = this.#checks;
    this.#checks = [];
    if (checks.length > IN_PROCESS_MAX) void this.#verifyInPool(checks);
    else for (const { key, signedText, signature, resolve } of checks) resolve(isGenuine(key, signedText, signature));
  }

  async #verifyInPool(checks: readonly Check[]): Promise<void> {
    const publicPems = [...new Set(checks.map((check) => check.key.publicPem))];
    try {
      const genuine = await this.#pool.verify({
        publicPems,
        keyIndexes: checks.map((check) => publicPems.indexOf(check.key.publicPem)),
        signedTexts: checks.map((check) => check.signedText),
        // A small Buffer is a view of a shared block, and the whole block would cross over.
        signatures: checks.map((check) => Uint8Array.from(check.signature)),
      });
      for (const [index, check] of checks.entries()) check.resolve(genuine[index] === true);
    } catch (error) {
      for (const check of checks) check.reject(error);
    }
  }
}

function isGenuine(key: VerificationKey, signedText: string, signature: Buffer): boolean {
  return verify(null, Buffer.from(signedText, 'latin1'), key.key, signature);
}
