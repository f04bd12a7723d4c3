/** What every store engine has to do about tickets, revocation and the age of sessions: the same suite for each. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeviceId, DeviceType, Generation, Uid } from '../../src/model/ids.ts';
import {
  LoginIntent,
  type LoginOperation,
  LoginStatus,
  OperationType,
  type ReauthenticateOperation,
  ReauthenticateStatus,
  SessionPolicy,
} from '../../src/store/store.ts';
import { TICKET_KEY_BYTES } from '../../src/store/ticket-rules.ts';
import { ManualClock } from './manual-clock.ts';
import type { StoreMaker } from './store-contract.ts';
import { APP, append, login, revoke, StoreDriver, WALL_START_MS } from './store-driver.ts';

const LIFETIME_MS = 86_400_000;
const FAMILY_BYTES = 8;

/** Key of ticket number `number` of a chain. */
function key(number: number, family = 1): Uint8Array {
  const bytes = new Uint8Array(TICKET_KEY_BYTES).fill(family, 0, FAMILY_BYTES);
  return bytes.fill(number, FAMILY_BYTES);
}

function reauthenticate(fields: Partial<ReauthenticateOperation>): ReauthenticateOperation {
  return {
    app: APP,
    uid: 'bob' as Uid,
    deviceId: 'd' as DeviceId,
    generation: 1 as Generation,
    issuedAtMs: WALL_START_MS,
    sessionExpiresAtS: 0,
    context: undefined,
    status: ReauthenticateStatus.Renewed,
    ...fields,
    type: OperationType.Reauthenticate,
  };
}

export function deviceContract(name: string, maker: StoreMaker): void {
  async function start() {
    const clock = new ManualClock(WALL_START_MS);
    const make = maker({ clock, retention: { ageMs: 1e12, countMax: 1000 }, queueOperationsMax: 1000 });
    let driver = await new StoreDriver(make(), clock).open();
    const restart = async (): Promise<void> => {
      await driver.close();
      driver = await new StoreDriver(make(), clock).open();
    };
    const run = <T extends Parameters<StoreDriver['runOne']>[0]>(operation: T): Promise<T> => driver.runOne(operation);
    const withToken = (next: number, fields: Partial<LoginOperation> = {}) =>
      run(login({ device: 'd', nextTicket: key(next), ...fields }));
    const withTicket = (ticket: number, next: number, fields: Partial<LoginOperation> = {}) =>
      run(login({ device: 'd', ticket: key(ticket), nextTicket: key(next), issuedAtMs: 0, ...fields }));
    const user = () => driver.finish(driver.store.readUser(APP, 'bob' as Uid));
    return { clock, restart, run, withToken, withTicket, user, close: () => driver.close() };
  }

  describe(`${name}: tickets (T8)`, () => {
    test('a chain of tickets goes on and on, and survives restarts', async () => {
      const { withToken, withTicket, restart, user, close } = await start();
      await withToken(1);
      for (let number = 1; number <= 5; number++) {
        if (number % 2 === 0) await restart();
        const { status, issuedAtMs } = await withTicket(number, number + 1);
        assert.deepEqual([status, issuedAtMs], [LoginStatus.Current, WALL_START_MS]);
      }
      assert.equal((await user()).currentGenerations.length, 1);
      await close();
    });

    test('a lost CONNACK: the ticket is good once more, and only the newest successor counts', async () => {
      const { withToken, withTicket, restart, close } = await start();
      await withToken(1);
      assert.equal((await withTicket(1, 2)).status, LoginStatus.Current);
      await restart();
      assert.equal((await withTicket(1, 3)).status, LoginStatus.Current);
      assert.equal((await withTicket(3, 4)).status, LoginStatus.Current);
      await close();
    });

    test('a third use of one ticket revokes all of the device and ends its session', async () => {
      const { withToken, withTicket, restart, user, close } = await start();
      await withToken(1);
      await withTicket(1, 2);
      const second = await withTicket(1, 3);
      const third = await withTicket(1, 4);
      assert.deepEqual([third.status, third.displaced], [LoginStatus.TicketReused, [second.generation]]);
      assert.deepEqual((await user()).currentGenerations, []);
      await restart();
      for (const ticket of [1, 2, 3, 4]) assert.equal((await withTicket(ticket, 9)).status, LoginStatus.Revoked);
      assert.equal((await withToken(5)).status, LoginStatus.Current);
      assert.equal((await withTicket(5, 6)).status, LoginStatus.Current);
      await close();
    });

    test('a ticket whose successor was used, and a successor that was replaced unseen, revoke all', async () => {
      for (const late of [1, 2]) {
        const { withToken, withTicket, close } = await start();
        await withToken(1);
        await withTicket(1, 2);
        if (late === 1) await withTicket(2, 3);
        else await withTicket(1, 3);
        assert.equal((await withTicket(late, 4)).status, LoginStatus.TicketReused);
        assert.equal((await withTicket(3, 4)).status, LoginStatus.Revoked);
        await close();
      }
    });

    test('a ticket is bound to app, user, device and type; a made-up one leaves no trace', async () => {
      const { run, withToken, withTicket, user, close } = await start();
      await withToken(1);
      await withToken(1, { uid: 'carol' as Uid, deviceId: 'other' as DeviceId });
      const wrong: Partial<LoginOperation>[] = [
        { ticket: key(1, 7) },
        { deviceId: 'e' as DeviceId },
        { deviceType: 'tablet' as DeviceType },
        { uid: 'carol' as Uid },
        { uid: 'nobody' as Uid },
        { app: 'other' as never },
      ];
      for (const fields of wrong) assert.equal((await withTicket(1, 2, fields)).status, LoginStatus.TicketUnknown);
      assert.equal((await user()).currentGenerations.length, 1);
      assert.equal((await withTicket(1, 2)).status, LoginStatus.Current);
      assert.equal((await run(append({ to: 'nobody', id: 'a' }))).seq, 1);
      await close();
    });

    test('a ticket is good below its lifetime, and no longer at it; 0 gives and takes none', async () => {
      const { clock, withToken, withTicket, close } = await start();
      await withToken(1);
      clock.wallStartMs += LIFETIME_MS - 1000;
      assert.equal((await withTicket(1, 2)).status, LoginStatus.Current);
      clock.wallStartMs += LIFETIME_MS + 1000;
      assert.equal((await withTicket(2, 3)).status, LoginStatus.TicketExpired);
      assert.equal((await withTicket(2, 3, { ticketLifetimeMs: 0 })).status, LoginStatus.TicketExpired);
      await withToken(0, { nextTicket: undefined });
      assert.equal((await withTicket(2, 3)).status, LoginStatus.TicketUnknown);
      await close();
    });

    test('revokeBefore counts for tickets by the time of their issue', async () => {
      const { clock, run, withToken, withTicket, restart, close } = await start();
      await withToken(1);
      clock.wallStartMs += 10_000;
      await withTicket(1, 2);
      await run(revoke('bob', WALL_START_MS + 5000));
      await restart();
      assert.equal((await withTicket(1, 3)).status, LoginStatus.Revoked);
      assert.equal((await withTicket(2, 3)).status, LoginStatus.Current);
      await run(revoke('bob', WALL_START_MS + 60_000));
      assert.equal((await withTicket(3, 4)).status, LoginStatus.Revoked);
      await close();
    });

    test('a refused login uses no ticket up', async () => {
      const { run, withToken, withTicket, close } = await start();
      const first = await withToken(1);
      await run(login({ device: 'e' }));
      const resume = { intent: LoginIntent.Resume, lastGeneration: first.generation };
      for (let i = 0; i < 3; i++) assert.equal((await withTicket(1, 2, resume)).status, LoginStatus.Replaced);
      assert.equal((await withTicket(1, 2)).status, LoginStatus.Current);
      await close();
    });
  });

  describe(`${name}: the age of sessions and revocation`, () => {
    test('a session keeps its expiry through restarts and gets a later one by authenticating again', async () => {
      const { run, withToken, restart, user, close } = await start();
      const { generation } = await withToken(1, { sessionExpiresAtS: 1000 });
      await restart();
      assert.deepEqual((await user()).currentExpiriesS, [1000]);
      const again = await run(reauthenticate({ generation, sessionExpiresAtS: 2000 }));
      assert.equal(again.status, ReauthenticateStatus.Renewed);
      await restart();
      const { currentGenerations, currentExpiriesS } = await user();
      assert.deepEqual([currentGenerations, currentExpiriesS], [[generation], [2000]]);
      await close();
    });

    test('only the current session may authenticate again, and not with a revoked credential', async () => {
      const { run, withToken, user, close } = await start();
      const first = await withToken(1);
      const second = await withToken(2, { issuedAtMs: WALL_START_MS + 100 });
      const statusOf = async (fields: Partial<ReauthenticateOperation>) => (await run(reauthenticate(fields))).status;
      assert.equal(await statusOf({ generation: first.generation }), ReauthenticateStatus.NotCurrent);
      assert.equal(
        await statusOf({ generation: second.generation, uid: 'nobody' as Uid }),
        ReauthenticateStatus.NotCurrent,
      );
      assert.equal(await statusOf({ generation: 0 as Generation }), ReauthenticateStatus.NotCurrent);
      await run(revoke('bob', WALL_START_MS + 50));
      const { generation } = second;
      assert.equal(await statusOf({ generation, issuedAtMs: WALL_START_MS + 49 }), ReauthenticateStatus.Revoked);
      assert.deepEqual((await user()).currentGenerations, [generation]);
      await close();
    });

    test('a revocation names the generations that it ends; a session with a newer credential stays', async () => {
      const { run, withToken, restart, user, close } = await start();
      const many = { policy: SessionPolicy.Many };
      const old = await withToken(1, many);
      const renewed = await withToken(2, { ...many, deviceId: 'e' as DeviceId });
      const { generation } = renewed;
      const issuedAtMs = WALL_START_MS + 100;
      await run(reauthenticate({ deviceId: 'e' as DeviceId, generation, issuedAtMs }));
      const revoked = await run(revoke('bob', WALL_START_MS + 100));
      assert.deepEqual(revoked.displaced, [old.generation]);
      await restart();
      const state = await user();
      assert.deepEqual([state.currentGenerations, state.revokeBeforeMs], [[generation], WALL_START_MS + 100]);
      assert.deepEqual((await run(revoke('bob', WALL_START_MS + 100))).displaced, []);
      await close();
    });
  });
}
