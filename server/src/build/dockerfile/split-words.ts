/** Gathers a text and, beside it, the words that unquoted white space splits it into. */
export class SplitWords {
  text = '';
  readonly #words: string[] = [];
  #word = '';

  /** One character that was written plainly. */
  addCharacter(character: string): void {
    this.text += character;
    this.#split(character);
  }

  /** Text that quotes or an escape protect from splitting. */
  addQuoted(text: string): void {
    this.text += text;
    this.#word += text;
  }

  /** A variable's value, which splits as if it were written plainly. */
  addExpansion(value: string): void {
    this.text += value;
    for (const character of value) this.#split(character);
  }

  finish(): readonly string[] {
    this.#endWord();
    return this.#words;
  }

  #split(character: string): void {
    if (/\s/.test(character)) this.#endWord();
    else this.#word += character;
  }

  #endWord(): void {
    if (this.#word !== '') this.#words.push(this.#word);
    this.#word = '';
  }
}
