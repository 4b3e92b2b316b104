import { election } from './election.mjs';

export default election(false);
