import * as chai from 'chai';
import chaiAsPromised from 'chai-as-promised';
import chaiBites from 'chai-bites';
import chaiParentheses from 'chai-parentheses';

chai.use(chaiAsPromised);
chai.use(chaiParentheses);
chai.use(chaiBites);

export const { expect } = chai;
