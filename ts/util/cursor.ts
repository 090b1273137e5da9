import { SyntaxProblem } from '../errors/index.js';

/**
 * Reads text from left to right and knows where it is. Every complaint is a SyntaxProblem with the line and column, both
 * counted from 1, of the character that it is about.
 */
export class TextCursor {
  readonly text: string;
  /** Index of the next character. */
  position = 0;

  constructor(text: string) {
    this.text = text;
  }

  get atEnd(): boolean {
    return this.position >= this.text.length;
  }

  /** The next character, '' at the end. */
  get next(): string {
    return this.text.charAt(this.position);
  }

  startsWith(literal: string): boolean {
    return this.text.startsWith(literal, this.position);
  }

  /** Steps over `literal` if it is next. */
  take(literal: string): boolean {
    if (!this.startsWith(literal)) return false;
    this.position += literal.length;
    return true;
  }

  /** Steps over `literal`, or fails. */
  expect(literal: string): void {
    if (!this.take(literal)) this.fail(`expected '${literal}'${this.found()}`);
  }

  /** Steps over what the sticky (`y`) expression matches here and returns it; null when it does not match. */
  match(expression: RegExp): string | null {
    expression.lastIndex = this.position;
    const text = expression.exec(this.text)?.[0];
    if (text === undefined) return null;
    this.position += text.length;
    return text;
  }

  /** Steps over white space. */
  skipSpace(): void {
    this.match(/\s*/y);
  }

  /** Throws a SyntaxProblem about the character at `position`. */
  fail(message: string, position = this.position): never {
    const before = this.text.slice(0, position);
    const line = before.split('\n').length;
    const column = position - (before.lastIndexOf('\n') + 1) + 1;
    throw new SyntaxProblem(`line ${line}, column ${column}: ${message}`, line, column);
  }

  /** ", found …" for messages. */
  found(): string {
    return this.atEnd
      ? ' but the text ends here'
      : `, found '${this.text.slice(this.position, this.position + 20)}'`;
  }
}
