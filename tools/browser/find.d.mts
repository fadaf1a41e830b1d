export function findBrowser(): string | undefined;
export function browserVersion(executable: string): string | undefined;
export function swiftShaderFolder(executable?: string): string | undefined;
export function testBrowserArguments(): string[];
export function findLavapipe(): { manifest: string } | { reason: string };
