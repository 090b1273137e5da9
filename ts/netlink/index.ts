export * from './attribute-cursor.js';
export * from './client.js';
export * from './constants.js';
export * from './errno.js';
export * from './message.js';
export * from './message-builder.js';
export * from './route.js';
export * from './route-messages.js';
