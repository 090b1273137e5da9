import { SlowpathError } from '../errors/index.js';

/** Why a switch refuses a change of its tables: OpenFlow's names of errors, as OVS gives them. */
export type TableErrorCode =
  | 'OFPBRC_BAD_TABLE_ID'
  | 'OFPBRC_EPERM'
  | 'OFPFMFC_OVERLAP'
  | 'OFPFMFC_TABLE_FULL'
  | 'NXBMC_CT_DATAPATH_SUPPORT'
  | 'NXBAC_CT_DATAPATH_SUPPORT'
  | 'OFPBAC_BAD_OUT_GROUP'
  | 'OFPGMFC_GROUP_EXISTS'
  | 'OFPGMFC_UNKNOWN_GROUP'
  | 'OFPGMFC_BUCKET_EXISTS'
  | 'OFPGMFC_UNKNOWN_BUCKET'
  | 'OFPGMFC_INVALID_GROUP'
  | 'OFPMMFC_INVALID_METER'
  | 'OFPMMFC_METER_EXISTS'
  | 'OFPMMFC_UNKNOWN_METER'
  | 'OFPMMFC_OUT_OF_METERS'
  | 'OFPMMFC_OUT_OF_BANDS'
  | 'OFPMMFC_BAD_BAND'
  | 'NXTTMFC_BAD_FIELD_IDX'
  | 'NXTTMFC_BAD_OPT_LEN'
  | 'NXTTMFC_ALREADY_MAPPED'
  | 'NXTTMFC_DUP_ENTRY'
  | 'NXTTMFC_TABLE_FULL';

/** A change of flow tables, groups or meters that OpenFlow does not allow; nothing was changed. */
export class TableError extends SlowpathError {
  declare readonly code: TableErrorCode;
}
