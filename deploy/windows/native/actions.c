/* An action of Windows Installer: runs a program without a window, and writes what it says into the installer's log.

   CustomActionData has the program and its arguments, with '|' between them: the description of the installer lets no
   property have that. An error that ends the installation is what the program said. */
#define UNICODE
#include <windows.h>
#include <msi.h>
#include <msiquery.h>

#define MOST 32768

static void say(MSIHANDLE session, INSTALLMESSAGE kind, const wchar_t *text)
{
    MSIHANDLE record = MsiCreateRecord(1);
    MsiRecordSetStringW(record, 0, L"[1]");
    MsiRecordSetStringW(record, 1, text);
    MsiProcessMessage(session, kind, record);
    MsiCloseHandle(record);
}

/* Append an argument so that CommandLineToArgvW gives it back: backslashes count only before a quotation mark. */
static wchar_t *quoted(wchar_t *out, const wchar_t *begin, const wchar_t *end)
{
    size_t slashes = 0;
    *out++ = L'"';
    for (; begin < end; begin++) {
        if (*begin == L'"')
            for (slashes++; slashes; slashes--)
                *out++ = L'\\';
        slashes = *begin == L'\\' ? slashes + 1 : 0;
        *out++ = *begin;
    }
    for (; slashes; slashes--)
        *out++ = L'\\';
    *out++ = L'"';
    *out++ = L' ';
    return out;
}

static DWORD run(wchar_t *command, char *said)
{
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
    STARTUPINFOW start = {sizeof start};
    PROCESS_INFORMATION process;
    HANDLE reading, writing;
    DWORD code = 0, got, used = 0;
    char more[4096];

    if (!CreatePipe(&reading, &writing, &inherited, 0))
        return GetLastError();
    SetHandleInformation(reading, HANDLE_FLAG_INHERIT, 0);
    start.dwFlags = STARTF_USESTDHANDLES;
    start.hStdOutput = start.hStdError = writing;
    if (!CreateProcessW(NULL, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &start, &process)) {
        code = GetLastError();
        CloseHandle(writing);
        CloseHandle(reading);
        return code;
    }
    CloseHandle(writing);
    while (ReadFile(reading, more, sizeof more, &got, NULL) && got)
        for (DWORD i = 0; i < got && used < MOST - 1; i++)
            if (more[i] != '\r')
                said[used++] = more[i];
    while (used && said[used - 1] == '\n')
        used--;
    said[used] = 0;
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    CloseHandle(reading);
    return code;
}

__declspec(dllexport) UINT __stdcall Run(MSIHANDLE session)
{
    static wchar_t data[MOST], command[2 * MOST + 64], text[MOST];
    static char said[MOST];
    wchar_t *out = command;
    DWORD size = MOST, code;

    if (MsiGetPropertyW(session, L"CustomActionData", data, &size))
        return ERROR_INSTALL_FAILURE;
    for (const wchar_t *begin = data, *end; ; begin = end + 1) {
        for (end = begin; *end && *end != L'|'; end++)
            ;
        out = quoted(out, begin, end);
        if (!*end)
            break;
    }
    *out = 0;
    code = run(command, said);
    if (!said[0])
        wsprintfA(said, "The program ended with %lu and said nothing.", code);
    MultiByteToWideChar(CP_UTF8, 0, said, -1, text, MOST);
    say(session, INSTALLMESSAGE_INFO, text);
    if (!code)
        return ERROR_SUCCESS;
    say(session, INSTALLMESSAGE_ERROR, text); /* for who looks on; without windows, Wine does not log it */
    return ERROR_INSTALL_FAILURE;
}
