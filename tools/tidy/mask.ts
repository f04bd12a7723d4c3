/**
 * Blanks out what is not code, so that a pattern does not find words in prose. Every character keeps its place: comments
 * and the insides of strings become spaces, line breaks stay.
 *
 * One pass, no grammar. Template strings are blanked whole, with the expressions in them; a `/` starts a regular
 * expression where a value cannot have ended. Good enough for formatted code.
 */
const TOKEN =
  /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:\\[\s\S]|[^'\\\n])*'|"(?:\\[\s\S]|[^"\\\n])*"|`(?:\\[\s\S]|[^`\\])*`|(?<=[=(,:;!&|?{}[\n]\s*|\breturn\s+)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/g;

/** Comments blanked; strings stay, so that import specifiers can be read. */
export function withoutComments(code: string): string {
  return code.replace(TOKEN, (token) => (/^\/[/*]/.test(token) ? blank(token) : token));
}

/** Comments, strings and regular expressions blanked. */
export function withoutProse(code: string): string {
  return code.replace(TOKEN, (token) => blank(token));
}

function blank(token: string): string {
  return token.replace(/[^\n]/g, ' ');
}
