"""The calls about the list: subjects, look-alikes, imports, synchronisation, agencies and the law."""

from __future__ import annotations

from cekalwatch.contract.codec.imports import RECORD_REPORT, SYNC_RUN, SYNC_STATUS
from cekalwatch.contract.codec.law import AGENCY_CHANGE, KEPT_AGENCIES, KEPT_LAW, LAW_PREVIEW, LAW_ROW
from cekalwatch.contract.codec.listed_subjects import LISTED_SUBJECT, LOOKALIKE, LOOKALIKE_PAGE, SUBJECT_TIMELINE
from cekalwatch.contract.engine.call import Nothing, Only, Page, Plain, call
from cekalwatch.contract.values import rights
from cekalwatch.v1 import watchlist_service_pb2 as pb

IMPORT_WATCHLIST = call(
    pb.ImportWatchlistRequest, Only(pb.ImportWatchlistResponse, "report", RECORD_REPORT), rights.WATCHLIST
)
IMPORT_LIST_FILE = call(pb.ImportListFileRequest, Plain(pb.ImportListFileResponse), rights.LIST_FILE)
LIST_SUBJECTS = call(
    pb.ListSubjectsRequest, Page(pb.ListSubjectsResponse, "subjects", LISTED_SUBJECT), rights.WATCHLIST
)
GET_SUBJECT = call(pb.GetSubjectRequest, Only(pb.GetSubjectResponse, "subject", LISTED_SUBJECT), rights.WATCHLIST)
LIST_SUBJECT_FACES = call(pb.ListSubjectFacesRequest, Plain(pb.ListSubjectFacesResponse), rights.WATCHLIST)
AMEND_ORDER = call(pb.AmendOrderRequest, Nothing(pb.AmendOrderResponse), rights.ORDER)
GET_SUBJECT_HISTORY = call(pb.GetSubjectHistoryRequest, SUBJECT_TIMELINE, rights.WATCHLIST)
LIST_LOOK_ALIKES = call(pb.ListLookAlikesRequest, LOOKALIKE_PAGE, rights.WATCHLIST)
JUDGE_LOOK_ALIKES = call(
    pb.JudgeLookAlikesRequest, Only(pb.JudgeLookAlikesResponse, "look_alike", LOOKALIKE), rights.BY_LIST_MANAGERS
)
SYNC_NOW = call(pb.SyncNowRequest, Plain(pb.SyncNowResponse), rights.WATCHLIST)
ACCEPT_SHRUNKEN_LIST = call(pb.AcceptShrunkenListRequest, Plain(pb.AcceptShrunkenListResponse), rights.SHRUNKEN_LIST)
GET_SYNC_STATUS = call(pb.GetSyncStatusRequest, SYNC_STATUS, rights.WATCHLIST)
LIST_SYNC_RUNS = call(pb.ListSyncRunsRequest, Page(pb.ListSyncRunsResponse, "runs", SYNC_RUN), rights.WATCHLIST)
LIST_AGENCIES = call(pb.ListAgenciesRequest, KEPT_AGENCIES, rights.WATCHLIST)
PUT_AGENCY = call(AGENCY_CHANGE, Nothing(pb.PutAgencyResponse), rights.AGENCIES)
REMOVE_AGENCY = call(pb.RemoveAgencyRequest, Nothing(pb.RemoveAgencyResponse), rights.AGENCIES)
GET_LAW = call(pb.GetLawRequest, KEPT_LAW, rights.WATCHLIST)
PREVIEW_LAW_ROW = call(
    Only(pb.PreviewLawRowRequest, "row", LAW_ROW),
    Only(pb.PreviewLawRowResponse, "preview", LAW_PREVIEW),
    rights.WATCHLIST,
)
ADD_LAW_ROW = call(Only(pb.AddLawRowRequest, "row", LAW_ROW), Nothing(pb.AddLawRowResponse), rights.LAW)
