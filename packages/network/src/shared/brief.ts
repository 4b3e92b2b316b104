import { contextKey, type ContextKey } from '@pea2pea/core';

/** On a connection that its dialler ends as soon as it has asked what it wanted: no slot is meant for it. */
export const BRIEF: ContextKey<boolean> = contextKey<boolean>('pea2pea.brief');
