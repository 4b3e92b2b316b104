// npx pea2pea-explore examples/dist/election/sound.js --seeds 100
import { election } from './scenario.js';

export default election(true);
