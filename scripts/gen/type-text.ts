import { z } from 'zod';

/** The part of JSON Schema that zod writes for the protocol. */
interface Schema {
  type?: string;
  const?: unknown;
  enum?: readonly unknown[];
  default?: unknown;
  anyOf?: readonly Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: readonly string[];
  additionalProperties?: Schema | boolean;
}

/** A zod schema as a type that people can read: what a client sends (`input`) or gets (`output`). */
export function typeText(schema: z.ZodType, io: 'input' | 'output'): string {
  const json = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return render(json as Schema, ''); // zod writes no keyword that decides a type but these
}

function render(schema: Schema, indent: string): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf) return schema.anyOf.map((option) => render(option, indent)).join(' | ');
  if (schema.type === 'array') return `${grouped(render(schema.items ?? {}, indent))}[]`;
  if (schema.properties) return renderObject(schema, indent);
  if (typeof schema.additionalProperties === 'object')
    return `Record<string, ${render(schema.additionalProperties, indent)}>`;
  if (schema.type === 'object') return 'object';
  return schema.type ?? 'unknown';
}

const grouped = (text: string): string => (/ \| /.test(text) && !text.startsWith('{') ? `(${text})` : text);

function renderObject({ properties = {}, required = [] }: Schema, indent: string): string {
  const inner = `${indent}  `;
  const lines = Object.entries(properties).map(([name, schema]) => {
    const preset = schema.default === undefined ? '' : `  // default: ${JSON.stringify(schema.default)}`;
    return `${inner}${name}${required.includes(name) ? '' : '?'}: ${render(schema, inner)}${preset}`;
  });
  return lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${indent}}`;
}
