/** Lets the faults of a plan happen, each kind by its own clock, until it is told to stop; then makes everything whole. */
import type { Device } from './device.ts';
import { HEALTHY_DISK } from './disk.ts';
import type { LinkNature, SimLink } from './link.ts';
import type { Network } from './network.ts';
import type { FaultKind, Plan } from './plan.ts';
import type { Servers } from './servers.ts';
import type { StoreMachine } from './store-machine.ts';
import type { World } from './world.ts';

const HOUR_MS = 3_600_000;

export interface ChaosParts {
  readonly world: World;
  readonly network: Network;
  readonly servers: Servers;
  readonly machine: StoreMachine;
  readonly devices: readonly Device[];
}

export class Chaos {
  readonly #parts: ChaosParts;
  readonly #plan: Plan;
  readonly #faults: Record<FaultKind, () => void>;
  #isOver = false;

  constructor(parts: ChaosParts, plan: Plan) {
    this.#parts = parts;
    this.#plan = plan;
    this.#faults = { ...this.#serverFaults(), ...this.#clientFaults() };
  }

  start(): void {
    for (const [kind, intervalMs] of this.#plan.faults) this.#next(kind, intervalMs);
  }

  /** From now on nothing fails any more, and what is broken is repaired. */
  stop(): void {
    this.#isOver = true;
    const { world, network, machine, servers, devices } = this.#parts;
    world.note('chaos', 'ends');
    machine.setHealth(HEALTHY_DISK);
    servers.logic.killsAtCommit = false;
    for (const link of network.links) link.heal();
    for (const process of [servers.logic, ...servers.gates, ...devices].map((each) => each.process)) {
      if (process !== undefined) process.pausedUntilMs = 0;
    }
    for (const device of devices) device.start();
  }

  #next(kind: FaultKind, intervalMs: number): void {
    const { world } = this.#parts;
    const waitMs = -Math.log(1 - world.random.fraction()) * intervalMs;
    world.at(undefined, waitMs, kind, () => {
      if (this.#isOver) return;
      world.note('chaos', kind);
      this.#faults[kind]();
      this.#next(kind, intervalMs);
    });
  }

  #serverFaults(): Record<Exclude<FaultKind, ClientFault>, () => void> {
    const { world, network, servers, machine } = this.#parts;
    const { random } = world;
    const { logic } = servers;
    const gate = () => servers.gates[random.below(servers.gates.length)];
    const trunk = (): SimLink | undefined => pick(network.linksOf('logic'), random.fraction());
    return {
      logicKill: () => logic.kill('exit'),
      logicPower: () => logic.kill('power'),
      logicStop: () => logic.stop(),
      logicPause: () => logic.process?.pause(15_000 * random.fraction() ** 2),
      logicCommitKill: () => {
        logic.killsAtCommit = true;
      },
      storeFailure: () => machine.fail(),
      diskFull: () => this.#ailing({ isFull: true }, { isFull: false }),
      diskSlow: () => this.#ailing({ syncMsMax: 800 }, { syncMsMax: HEALTHY_DISK.syncMsMax }),
      gateKill: () => gate()?.kill('exit'),
      gateStop: () => gate()?.stop(),
      gatePower: () => gate()?.kill('power'),
      gatePause: () => gate()?.process?.pause(20_000 * random.fraction() ** 2),
      trunkCut: () => trunk()?.cut(),
      trunkSilence: () => this.#silence(trunk()),
    };
  }

  #clientFaults(): Record<ClientFault, () => void> {
    const { world, network, servers, devices } = this.#parts;
    const { random } = world;
    const device = () => devices[random.below(devices.length)] as Device;
    const link = (): SimLink | undefined => pick(network.links, random.fraction());
    const down = (kill: (chosen: Device) => void): void => {
      const chosen = device();
      kill(chosen);
      world.at(undefined, 8000 * random.fraction(), 'restart', () => chosen.start());
    };
    return {
      clientKill: () => down((chosen) => chosen.crash('exit')),
      clientPower: () => down((chosen) => chosen.crash('power')),
      clientClose: () => down((chosen) => void chosen.close()),
      clientPause: () => device().process?.pause(30_000 * random.fraction() ** 2),
      clientReconnect: () => {
        const chosen = device();
        if (chosen.isStopped) chosen.connect();
      },
      linkCut: () => link()?.cut(),
      linkSilence: () => this.#silence(link()),
      clockStep: () => {
        const everybody = [servers.logic, ...servers.gates, ...devices].map((each) => each.process);
        const process = random.below(2) === 0 ? servers.logic.process : everybody[random.below(everybody.length)];
        if (process !== undefined) process.wallErrorMs = HOUR_MS * (2 * random.fraction() - 1);
      },
    };
  }

  #ailing(health: Parameters<StoreMachine['setHealth']>[0], healthy: Parameters<StoreMachine['setHealth']>[0]): void {
    const { world, machine } = this.#parts;
    machine.setHealth(health);
    world.at(undefined, 5000 * world.random.fraction(), 'repair', () => machine.setHealth(healthy));
  }

  #silence(link: SimLink | undefined): void {
    if (link === undefined) return;
    const { world } = this.#parts;
    link.silence();
    world.at(undefined, 40_000 * world.random.fraction() ** 2, 'heal', () => link.heal());
  }
}

type ClientFault =
  | 'clientKill'
  | 'clientPower'
  | 'clientClose'
  | 'clientPause'
  | 'clientReconnect'
  | 'linkCut'
  | 'linkSilence'
  | 'clockStep';

function pick<Item>(items: readonly Item[], fraction: number): Item | undefined {
  return items[Math.floor(fraction * items.length)];
}

/** What connections are like in a world of this plan. */
export function natureOf(plan: Plan, world: World): () => LinkNature {
  return () => ({
    latencyMsMin: 0.05,
    latencyMsMax: plan.latencyMsMax * world.random.fraction(),
    piecesMax: plan.piecesMax,
    readsByteByByte: world.random.fraction() < plan.byteByByte,
    bufferBytes: plan.bufferBytes,
  });
}
