/** The `code` of the error that `act` throws; 'no error' when it does not, so that a test shows what happened. */
export function failure(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'no error';
}
