/** Our fault, found too late to answer for it: say so and end; the supervisor replaces the process. */
import type { Logger } from '../log/logger.ts';

/** Flushes what is logged; ends the process whatever happens. */
export function exitOnFault(log: Logger & { flush(): void }): void {
  const fault = (kind: string, error: unknown): void => {
    try {
      const details = error instanceof Error ? { error: error.message, stack: error.stack } : { error: String(error) };
      log.error({ kind, ...details }, 'a fault ends this process');
      log.flush();
    } finally {
      process.exit(1);
    }
  };
  process.on('uncaughtException', (error) => fault('uncaughtException', error));
  process.on('unhandledRejection', (reason) => fault('unhandledRejection', reason));
}
