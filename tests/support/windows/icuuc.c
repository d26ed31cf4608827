/* Stands in for icuuc.dll of Windows, which Wine 10 lacks: Qt6Core uses these for text that is not Unicode only. */
typedef int UErrorCode; typedef signed char UBool;
#define X __declspec(dllexport)
#define FAIL 4 /* U_FILE_ACCESS_ERROR */
X void *ucnv_open(const char *n, UErrorCode *e){ if(e)*e=FAIL; return 0; }
X void ucnv_close(void *c){}
X void UCNV_FROM_U_CALLBACK_SUBSTITUTE(void){}
X void UCNV_TO_U_CALLBACK_SUBSTITUTE(void){}
X void ucnv_reset(void *c){}
X signed char ucnv_getMaxCharSize(void *c){ return 1; }
X const char *ucnv_getName(void *c, UErrorCode *e){ if(e)*e=FAIL; return 0; }
X void ucnv_getToUCallBack(void *c, void **a, void **b){ if(a)*a=0; if(b)*b=0; }
X void ucnv_getFromUCallBack(void *c, void **a, void **b){ if(a)*a=0; if(b)*b=0; }
X void ucnv_setToUCallBack(void *c, void *a, void *b, void **o, void **p, UErrorCode *e){ if(e)*e=FAIL; }
X void ucnv_setFromUCallBack(void *c, void *a, void *b, void **o, void **p, UErrorCode *e){ if(e)*e=FAIL; }
X void ucnv_cbToUWriteUChars(void *a, void *s, int n, int o, UErrorCode *e){ if(e)*e=FAIL; }
X void ucnv_toUnicode(void *c, void *t, void *tl, void *s, void *sl, void *o, UBool f, UErrorCode *e){ if(e)*e=FAIL; }
X void ucnv_cbFromUWriteUChars(void *a, void *s, void *l, int o, UErrorCode *e){ if(e)*e=FAIL; }
X int ucnv_toUCountPending(void *c, UErrorCode *e){ return 0; }
X int ucnv_fromUCountPending(void *c, UErrorCode *e){ return 0; }
X const char *ucnv_getStandardName(const char *n, const char *s, UErrorCode *e){ if(e)*e=FAIL; return 0; }
X const char *ucnv_getAvailableName(int n){ return 0; }
X int ucnv_countAvailable(void){ return 0; }
X void ucnv_fromUnicode(void *c, void *t, void *tl, void *s, void *sl, void *o, UBool f, UErrorCode *e){ if(e)*e=FAIL; }
