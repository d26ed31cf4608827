/* A program as Windows shows it, with its own name, icon and version: Python's main function in a process of ours.
   It takes Python's arguments, and has no console. */
#include <windows.h>
#include <shobjidl.h>

typedef int (*MainFunction)(int, wchar_t **);

int WINAPI wWinMain(HINSTANCE instance, HINSTANCE before, LPWSTR line, int show)
{
    HMODULE python = LoadLibraryExW(PYTHON, NULL, LOAD_LIBRARY_SEARCH_APPLICATION_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
    MainFunction run = python ? (MainFunction)(void *)GetProcAddress(python, "Py_Main") : NULL;

    (void)instance, (void)before, (void)line, (void)show;
    SetCurrentProcessExplicitAppUserModelID(APPLICATION); /* by which the taskbar and notifications know it */
    return run ? run(__argc, __wargv) : (int)GetLastError();
}
