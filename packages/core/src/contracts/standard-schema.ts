/**
 * A schema as zod, valibot, arktype and others make them: the part of the Standard Schema specification, version 1
 * (https://standardschema.dev), that is needed to validate. An object or a function with a `~standard`. None of these
 * libraries is needed here.
 */
export interface StandardSchemaV1<Input = unknown, Output = Input> {
  /** What the specification asks for. */
  readonly '~standard': StandardProps<Input, Output>;
}

/** What a schema holds under `~standard`. */
export interface StandardProps<Input = unknown, Output = Input> {
  /** The version of the specification. */
  readonly version: 1;
  /** The library that made the schema. */
  readonly vendor: string;
  /** Checks `value`; returns the output or the issues, at once or later. */
  readonly validate: (value: unknown) => StandardResult<Output> | Promise<StandardResult<Output>>;
  /** Never present; tells the compiler what goes in and what comes out. */
  readonly types?: { readonly input: Input; readonly output: Output } | undefined;
}

/** The output of a schema, or what it has against the input. */
export type StandardResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly StandardIssue[] };

/** One thing that is wrong with a value. */
export interface StandardIssue {
  /** What is wrong, for people. */
  readonly message: string;
  /** From the outermost key to the innermost. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What a schema takes: what is sent. */
export type SchemaInput<Schema extends StandardSchemaV1> = NonNullable<Schema['~standard']['types']>['input'];

/** What a schema makes of it: what is received. */
export type SchemaOutput<Schema extends StandardSchemaV1> = NonNullable<
  Schema['~standard']['types']
>['output'];
