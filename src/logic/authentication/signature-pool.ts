import { Piscina } from 'piscina';
import type { SignatureBatch } from './signature-worker.ts';

/** Checks batches of signatures somewhere else than on the event loop. */
export interface SignaturePool {
  verify(batch: SignatureBatch): Promise<boolean[]>;
  close(): Promise<void>;
}

const THREADS_MAX = 2;
const IDLE_TIMEOUT_MS = 10_000;

/** Worker threads that come with the first batch and leave when there is nothing to do. */
export class PiscinaSignaturePool implements SignaturePool {
  readonly #pool: Piscina;

  constructor() {
    // The worker has the same form as this file: compiled, or as it was written.
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js';
    this.#pool = new Piscina({
      filename: new URL(`./signature-worker${extension}`, import.meta.url).href,
      minThreads: 0,
      maxThreads: THREADS_MAX,
      idleTimeout: IDLE_TIMEOUT_MS,
    });
  }

  verify(batch: SignatureBatch): Promise<boolean[]> {
    return this.#pool.run(batch) as Promise<boolean[]>;
  }

  async close(): Promise<void> {
    await this.#pool.close();
  }
}
