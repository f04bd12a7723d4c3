import type { Config } from '../config/config.ts';
import type { AppId } from '../model/ids.ts';
import type { RetentionPolicy } from '../store/store.ts';

/** How long each app keeps messages; one that is not configured has the usual policy. */
export function retentionByApp(config: Config): (app: AppId) => RetentionPolicy {
  const { retentionAgeMs, retentionCount } = config.store;
  const usual = { ageMs: retentionAgeMs, countMax: retentionCount };
  const policies = new Map<string, RetentionPolicy>();
  for (const app of config.apps) policies.set(app.id, { ageMs: app.retentionAgeMs, countMax: app.retentionCount });
  return (app) => policies.get(app) ?? usual;
}
