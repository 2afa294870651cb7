/** Gives what is compiled of a setting, and compiles it again when that has another value. */
export function latest<Value, Compiled>(
  value: () => Value,
  compile: (value: Value) => Compiled,
): () => Compiled {
  let source = value();
  let compiled = compile(source);
  return () => {
    if (value() !== source) {
      source = value();
      compiled = compile(source);
    }
    return compiled;
  };
}
