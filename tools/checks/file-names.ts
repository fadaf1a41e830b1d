import { namingComplaint } from './naming';
import { sourceFiles } from './source-files';

const paths = sourceFiles(process.cwd(), ['.ts', '.svelte', '.mjs', '.js', '.cjs']);
const complaints = paths.map(namingComplaint).filter((complaint) => complaint !== undefined);
for (const complaint of complaints) console.error(complaint);
console.log(`${paths.length} names looked at.`);
process.exitCode = complaints.length > 0 ? 1 : 0;
