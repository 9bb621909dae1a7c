@rem cl.cmd OPTION ...: compiles server.exe with the newest Visual Studio that is installed, from any cmd.
@echo off
set sources=*.cpp
if exist chat if exist support set sources=*.cpp chat\*.cpp support\*.cpp
set vswhere="%ProgramFiles(x86)%\Microsoft Visual Studio\Installer\vswhere.exe"
for /f "usebackq delims=" %%v in (`%vswhere% -latest -property installationPath`) do call "%%v\VC\Auxiliary\Build\vcvars64.bat"
cl /nologo %* /Fe:server.exe %sources% || exit /b 1
server.exe --version
