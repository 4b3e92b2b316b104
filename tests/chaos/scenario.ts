// The module that `explore` loads in processes of its own; its options are in its URL.
import { chaosScenario } from './simulated.js';

const { searchParams } = new URL(import.meta.url);

export default chaosScenario({ seconds: Number(searchParams.get('seconds')) });
