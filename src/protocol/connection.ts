/** What a page can find out about an address that it may not read. */

/**
 * What a request of mode `no-cors` noticed. `hidden`: nothing can be said (an isolated page in a browser that does not report
 * withheld answers). `policy`: this page's own security policy forbids the address.
 */
export type ProbeResult = 'answers' | 'silent' | 'hidden' | 'policy';

/** State of the browser's permission to reach this machine or the local network. */
export type LocalNetworkPermission = 'granted' | 'denied' | 'prompt';
