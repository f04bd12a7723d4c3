import type { CloseReason } from '../../protocol/index.ts';

/** What a client presents, and who it says it is. Nothing in it is trusted yet. */
export interface CredentialRequest {
  readonly app: string;
  readonly uid: string;
  readonly deviceId: string;
  /** See CredentialType of the protocol. */
  readonly credentialType: number;
  readonly credential: string;
}

export interface VerifiedCredential {
  /** Unix milliseconds; compared with the user's `revokeBefore`. */
  readonly issuedAtMs: number;
}

/** Decides whether a credential is genuine. Whether it was revoked since, the store decides. */
export interface CredentialVerifier {
  /** A close reason: refused. Rejects only on a fault of the server. */
  verify(request: CredentialRequest): Promise<VerifiedCredential | CloseReason>;
}
