/** Why a migration stopped, for the operator. What was copied stays; the same call goes on from there. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}
