/** One line for a user out of what a schema found wrong. */
import { z } from "zod";
import { ConfigError, nearest } from "../errors/index.ts";

type Issue = z.core.$ZodIssue;

/** Parses by a schema; the first mistake becomes a ConfigError that names the field, the value and what was expected. */
export function parseWith<T extends z.ZodType>(schema: T, value: unknown, where: string): z.infer<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new ConfigError(sentence(result.error.issues[0], schema, value, where));
}

function sentence(issue: Issue, schema: z.ZodType, value: unknown, where: string): string {
  const path = issue.path.map(String);
  const given = at(value, path);
  const field = [where, path.join(".")].filter(Boolean).join(": ");
  const got = given === undefined ? "it is missing" : `got ${JSON.stringify(given)}`;
  if (issue.code === "unrecognized_keys") {
    const known = fieldsOf(schema, value, path);
    const unknown = String(issue.keys[0]);
    return `${[where, [...path, unknown].join(".")].join(": ")}: unknown field (fields are ${known.join(", ")}).${hint(unknown, known)}`;
  }
  if (issue.code === "invalid_union") {
    const choices = choicesOf(schema, value, path);
    if (choices.length > 0) return `${field} must be one of ${choices.join(", ")}; ${got}.${hint(given, choices)}`;
    // A union without a discriminator: the alternative that came furthest says what is wrong.
    const deepest = issue.errors.flat().sort((a, b) => b.path.length - a.path.length)[0];
    if (deepest) return sentence({ ...deepest, path: [...issue.path, ...deepest.path] } as Issue, schema, value, where);
  }
  if (issue.code === "invalid_value") {
    const choices = issue.values.map(String);
    return `${field} must be ${choices.length > 1 ? "one of " : ""}${choices.join(", ")}; ${got}.${hint(given, choices)}`;
  }
  return `${field} must be ${expectation(issue)}; ${got}.`;
}

function expectation(issue: Issue): string {
  if (issue.code === "invalid_type") return nouns[issue.expected] ?? issue.expected;
  if (issue.code === "too_small") {
    if (issue.origin === "array") return `a list of ${issue.minimum} or more`;
    return issue.inclusive ? `at least ${issue.minimum}` : `above ${issue.minimum}`;
  }
  if (issue.code === "too_big") return issue.inclusive ? `at most ${issue.maximum}` : `below ${issue.maximum}`;
  return issue.message;
}

const nouns: Readonly<Record<string, string>> = {
  number: "a number",
  int: "a whole number",
  string: "a text",
  boolean: "true or false",
  object: "an object",
  array: "a list",
};

const hint = (given: unknown, choices: readonly string[]): string => {
  const near = typeof given === "string" ? nearest(given, choices) : undefined;
  return near === undefined ? "" : ` Did you mean "${near}"?`;
};

function at(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (v, key) => (typeof v === "object" && v !== null ? (v as Record<string, unknown>)[key] : undefined),
    value,
  );
}

/** The schema that applies at a path, following unions by the value's own discriminators. */
function schemaAt(schema: z.ZodType, value: unknown, path: readonly string[]): z.ZodType | undefined {
  const inner = unwrapped(schema, value);
  if (path.length === 0 || !inner) return inner;
  const [key, ...rest] = path;
  const next =
    inner instanceof z.ZodObject ? inner.shape[key] : inner instanceof z.ZodArray ? inner.element : undefined;
  return next && schemaAt(next as z.ZodType, at(value, [key]), rest);
}

function unwrapped(schema: z.ZodType, value: unknown): z.ZodType | undefined {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodExactOptional || schema instanceof z.ZodDefault)
    return unwrapped(schema.unwrap() as z.ZodType, value);
  if (schema instanceof z.ZodDiscriminatedUnion) {
    const { discriminator } = schema.def;
    const option = optionsOf(schema).find((o) => literal(o, discriminator) === at(value, [discriminator]));
    return option ?? schema;
  }
  if (schema instanceof z.ZodUnion) {
    const options = schema.options.filter((o): o is z.ZodObject => o instanceof z.ZodObject);
    const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
    return options.find((o) => keys.some((key) => key in o.shape)) ?? options[0];
  }
  return schema;
}

const optionsOf = (schema: z.ZodDiscriminatedUnion): z.ZodObject[] =>
  schema.options.filter((o): o is z.ZodObject => o instanceof z.ZodObject);

function literal(option: z.ZodObject, discriminator: string): unknown {
  const field: unknown = option.shape[discriminator];
  return field instanceof z.ZodLiteral ? field.value : undefined;
}

function fieldsOf(schema: z.ZodType, value: unknown, path: readonly string[]): string[] {
  const found = schemaAt(schema, value, path);
  return found instanceof z.ZodObject ? Object.keys(found.shape) : [];
}

/** The names that a discriminator at the end of `path` may have. */
function choicesOf(schema: z.ZodType, value: unknown, path: readonly string[]): string[] {
  const union = schemaAt(schema, value, path.slice(0, -1));
  if (!(union instanceof z.ZodDiscriminatedUnion)) return [];
  return optionsOf(union).map((option) => String(literal(option, union.def.discriminator)));
}
